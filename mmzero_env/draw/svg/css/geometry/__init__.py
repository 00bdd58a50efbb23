"""Where things are: boxes and outlines of shapes, transforms, clips, arcs, viewBoxes."""

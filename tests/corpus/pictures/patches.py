import matplotlib.pyplot as plt

from matplotlib.patches import Circle, Polygon, FancyBboxPatch
fig, ax = plt.subplots(figsize=(4, 4)); ax.set_xlim(0, 10); ax.set_ylim(0, 10); ax.set_aspect('equal'); ax.axis('off'); ax.set_position([0, 0, 1, 1])
ax.add_patch(Circle((5, 5), 2, color='#ff8800')); ax.add_patch(Polygon([[1, 1], [3, 1], [2, 3]], closed=True, color='#0088ff')); ax.text(5, 9, 'Shapes', ha='center', fontsize=14)
plt.show()

from matplotlib.figure import Figure
from matplotlib.backends.backend_agg import FigureCanvasAgg
fig = Figure(figsize=(4, 3)); FigureCanvasAgg(fig); ax = fig.subplots(); ax.bar(['k'], [2], color='red'); ax.set_title('Objects'); fig.savefig('o.png')

import matplotlib.pyplot as plt

from matplotlib.animation import FuncAnimation
fig, ax = plt.subplots(figsize=(4, 3)); line, = ax.plot([], []); ax.set_xlim(0, 5); ax.set_ylim(0, 5); ax.set_title('Moving')
anim = FuncAnimation(fig, lambda i: line.set_data(range(i), range(i)) or (line,), frames=5); plt.show()

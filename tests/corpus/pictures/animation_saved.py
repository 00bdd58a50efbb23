import matplotlib.animation as animation
import matplotlib.pyplot as plt

figure, axes = plt.subplots()
axes.set_title("Film")
(line,) = axes.plot([0, 1])
animation.FuncAnimation(figure, lambda frame: line.set_ydata([frame, 1]), frames=3).save("film.mp4")

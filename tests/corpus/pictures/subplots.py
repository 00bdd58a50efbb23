import matplotlib.pyplot as plt

fig, axes = plt.subplots(2, 2, figsize=(5, 4), layout='constrained')
axes[0, 0].plot([1, 2]); axes[0, 1].scatter([1, 2], [3, 4]); axes[1, 0].hist([1, 2, 2, 3]); axes[1, 1].boxplot([[1, 2, 3], [2, 3, 4]])
for k, ax in zip('ABCD', axes.flat): ax.set_title(f'Panel {k}')
fig.suptitle('Four panels'); plt.show()

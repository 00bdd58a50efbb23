import matplotlib.pyplot as plt

plt.style.use('ggplot'); plt.rcParams.update({'font.size': 12, 'font.family': 'sans-serif'})
plt.figure(figsize=(4, 3)); plt.title(r'$\frac{a}{b} = \sqrt{2}$'); plt.annotate('peak', (1, 4), (1.5, 3.5), arrowprops=dict(arrowstyle='->')); plt.plot([0, 1, 2], [0, 4, 1], label=r'$x^2$'); plt.legend(); plt.show()

import matplotlib

matplotlib.use("TkAgg")
import matplotlib.pyplot as plt

plt.rcParams["text.usetex"] = True
plt.title(r"$\frac{1}{2}$ of it")
plt.plot([1, 2])
plt.show()

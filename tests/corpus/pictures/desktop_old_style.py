import matplotlib.pyplot as plt

plt.style.use("seaborn-whitegrid")
plt.title("Grid")
plt.plot([1, 2])
plt.show()

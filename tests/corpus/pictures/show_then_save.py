import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(4, 3))
ax.plot([1, 2, 3], [2, 4, 8])
ax.set_title('Growth')
plt.show()
plt.savefig('growth.png')

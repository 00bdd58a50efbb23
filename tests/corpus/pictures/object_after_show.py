import matplotlib.pyplot as plt

fig, ax = plt.subplots(figsize=(4, 3))
ax.bar(['a', 'b'], [3, 9])
plt.show()
ax.set_title('Final')
fig.savefig('final.png')

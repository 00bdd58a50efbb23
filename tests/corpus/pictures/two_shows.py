import matplotlib.pyplot as plt

plt.figure(figsize=(4, 3))
plt.bar(['a', 'b'], [3, 9])
plt.title('Bars')
plt.show()
plt.figure(figsize=(4, 3))
plt.pie([1, 2, 3], labels=['x', 'y', 'z'], colors=['#ff0000', '#00ff00', '#0000ff'])
plt.title('Pie')
plt.show()

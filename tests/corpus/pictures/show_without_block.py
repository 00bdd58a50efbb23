import matplotlib.pyplot as plt

plt.figure(figsize=(4, 3))
plt.bar(['a', 'b'], [3, 9])
plt.show(block=False)
plt.title('Later')
plt.show()

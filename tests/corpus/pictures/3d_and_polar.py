import matplotlib.pyplot as plt

import numpy as np
fig = plt.figure(figsize=(5, 3))
a = fig.add_subplot(121, projection='3d'); x, y = np.meshgrid(range(5), range(5)); a.plot_surface(x, y, x * y); a.set_title('Surface')
b = fig.add_subplot(122, projection='polar'); b.plot(np.linspace(0, 6, 50), np.linspace(0, 1, 50)); b.set_title('Spiral'); plt.show()

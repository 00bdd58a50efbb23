import numpy as np
import matplotlib.pyplot as plt
m = np.random.rand(300, 300); w, v = np.linalg.eigh(m @ m.T); u = np.linalg.svd(m)
plt.figure(figsize=(4, 3)); plt.imshow(m[:8, :8], cmap='viridis'); plt.colorbar(); plt.title(f'{len(w)} values'); plt.show()

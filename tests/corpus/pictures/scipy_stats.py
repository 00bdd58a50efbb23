import numpy as np
from scipy import stats, interpolate, signal
import matplotlib.pyplot as plt
x = np.linspace(-3, 3, 50)
plt.figure(figsize=(4, 3))
plt.plot(x, stats.norm.pdf(x)); plt.plot(x, interpolate.make_interp_spline(x, np.sin(x))(x)); plt.plot(x, signal.savgol_filter(np.cos(x), 7, 2))
r = stats.linregress([1, 2, 3], [2, 4, 6]); plt.title(f'slope {r.slope:.1f}'); plt.show()

import numpy as np
from scipy.optimize import curve_fit
from scipy.integrate import solve_ivp
from scipy.spatial import Voronoi, voronoi_plot_2d, ConvexHull
import matplotlib.pyplot as plt
a, _ = curve_fit(lambda x, a: a * x, [1, 2, 3], [2, 4, 6])
y = solve_ivp(lambda t, y: -y, (0, 5), [1.0])
pts = np.array([[0, 0], [1, 0], [0, 1], [1, 1], [.5, .4]])
fig, ax = plt.subplots(figsize=(4, 3)); voronoi_plot_2d(Voronoi(pts), ax=ax); ax.set_title(f'a = {a[0]:.0f}, hull {len(ConvexHull(pts).vertices)}')
plt.show()

import numpy as np, random
import matplotlib.pyplot as plt
rng = np.random.default_rng()
a = rng.normal(size=5); b = np.random.default_rng().normal(size=5)
c = np.random.RandomState().rand(3); d = random.Random().random(); e = np.random.Generator(np.random.PCG64()).random()
assert not (a == b).any()
s = ','.join({'one', 'two', 'three', 'four'})
plt.figure(figsize=(4, 3)); plt.plot(a); plt.plot(b); plt.title(f'{c[0]:.6f} {d:.6f} {e:.6f}'); plt.xlabel(s); plt.show()

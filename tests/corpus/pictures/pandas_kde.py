import pandas as pd
import matplotlib.pyplot as plt
df = pd.DataFrame({'a': [1, 2, 2, 3, 5], 'b': [2, 3, 3, 4, 4]})
ax = df.plot.kde(figsize=(4, 3)); ax.set_title('Density of two'); plt.show()

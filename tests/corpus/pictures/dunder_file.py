import os
from pathlib import Path
import matplotlib.pyplot as plt
here = os.path.dirname(os.path.abspath(__file__))
out = Path(__file__).parent / 'chart.png'
fig, ax = plt.subplots(figsize=(4, 3))
ax.bar(['P', 'Q'], [3, 7]); ax.set_title(Path(__file__).suffix)
fig.savefig(out); print(here)

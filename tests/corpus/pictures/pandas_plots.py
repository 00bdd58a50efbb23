import pandas as pd
import matplotlib.pyplot as plt
df = pd.DataFrame({'month': ['Jan', 'Feb', 'Mar'], 'sales': [10, 20, 15], 'cost': [5, 8, 9]}).set_index('month')
df.plot(kind='bar', figsize=(4, 3), rot=0, title='By month'); plt.tight_layout()
plt.savefig('x.png')
df.groupby(level=0).sum().to_csv('sum.csv'); assert len(pd.read_csv('sum.csv')) == 3

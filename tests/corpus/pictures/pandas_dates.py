import pandas as pd
import matplotlib.pyplot as plt
s = pd.Series(range(12), index=pd.date_range('2024-01-31', periods=12, freq='ME'))
s.plot(figsize=(4, 3), title='Year 2024'); plt.show()

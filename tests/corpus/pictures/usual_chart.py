import matplotlib.pyplot as plt

categories = ['North', 'South', 'East']
values = [12, 30, 21]
fig, ax = plt.subplots(figsize=(5, 4))
bars = ax.bar(categories, values, color=['#ff0000', '#00aa00', '#0000ff'])
ax.bar_label(bars); ax.set_ylabel('Sales (k$)'); ax.set_title('Sales by region', fontsize=14, fontweight='bold'); ax.spines[['top', 'right']].set_visible(False)
plt.tight_layout(); plt.savefig('chart.png', dpi=100, bbox_inches='tight')

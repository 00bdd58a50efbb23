import networkx as nx
import matplotlib.pyplot as plt
g = nx.cycle_graph(['A', 'B', 'C', 'D'])
plt.figure(figsize=(4, 3))
for layout in (nx.kamada_kawai_layout, nx.spectral_layout, nx.spring_layout): pos = layout(g)
nx.draw(g, pos, with_labels=True, node_color='gold'); plt.title('Cycle'); plt.show()

import os, tempfile
import matplotlib.pyplot as plt
with tempfile.TemporaryDirectory() as folder:
    path = os.path.join(folder, 'n.txt')
    with open(path, 'w') as f: f.write('17')
    n = int(open(path).read())
plt.figure(figsize=(4, 3)); plt.text(0.4, 0.5, f'n = {n}', fontsize=20); plt.axis('off')
plt.show()

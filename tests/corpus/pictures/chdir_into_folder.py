import os
import matplotlib.pyplot as plt
os.mkdir('work'); os.chdir('work')
with open('a.txt', 'w') as f: f.write('kept')
os.chdir('..')
plt.figure(figsize=(4, 3)); plt.title(open('work/a.txt').read()); plt.show()

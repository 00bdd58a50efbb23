import csv, glob, os
from pathlib import Path
import matplotlib.pyplot as plt
os.makedirs('data/raw', exist_ok=True)
Path('out').mkdir(parents=True, exist_ok=True)
with open('data/raw/v.csv', 'w', newline='') as f:
    csv.writer(f).writerows([['k', 'v'], ['a', 1], ['b', 2]])
with open(os.path.join('data', 'raw', 'v.csv')) as f:
    rows = list(csv.DictReader(f))
assert os.listdir('data/raw') == ['v.csv'] == [os.path.basename(p) for p in glob.glob('data/raw/*.csv')]
assert Path('data/raw/v.csv').exists()
plt.figure(figsize=(4, 3))
plt.bar([r['k'] for r in rows], [int(r['v']) for r in rows])
plt.title(f'{len(rows)} rows')
plt.savefig('out/chart.png')
from PIL import Image
Image.open('out/chart.png').save('out/again.png')
os.rename('out/again.png', 'out/final.png'); os.remove('out/chart.png')
assert os.listdir('out') == ['final.png']

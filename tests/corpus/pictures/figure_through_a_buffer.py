import io

import matplotlib.pyplot as plt
from PIL import Image

plt.title("Buffered")
plt.plot([1, 3])
buffer = io.BytesIO()
plt.savefig(buffer, format="png")
buffer.seek(0)
Image.open(buffer).save("final.png")

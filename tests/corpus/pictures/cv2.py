import cv2, numpy as np
import matplotlib.pyplot as plt
image = np.full((120, 160, 3), 255, np.uint8)
cv2.rectangle(image, (20, 20), (80, 80), (255, 0, 0), -1); image = cv2.GaussianBlur(image, (3, 3), 0); image = cv2.resize(image, (320, 240), interpolation=cv2.INTER_NEAREST)
plt.figure(figsize=(3.2, 2.4)); plt.axes([0, 0, 1, 1]); plt.axis('off'); plt.imshow(image); plt.show()

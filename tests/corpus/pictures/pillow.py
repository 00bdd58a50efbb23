from PIL import Image, ImageDraw, ImageFont
image = Image.new('RGB', (300, 200), '#ffffff'); d = ImageDraw.Draw(image)
d.rectangle([20, 20, 120, 100], fill='#228833', outline='black'); d.ellipse((150, 20, 250, 120), fill=(200, 30, 30)); d.text((20, 150), 'Area = 8000', fill='black', font=ImageFont.load_default(size=18))
image.save('shapes.png')

from PIL import Image, ImageDraw, ImageFont
try:
    font = ImageFont.truetype('arial.ttf', 20)
except OSError:
    font = ImageFont.load_default()
image = Image.new('RGB', (300, 100), 'white'); ImageDraw.Draw(image).text((10, 40), 'Fallback 5', font=font, fill='navy'); image.show()

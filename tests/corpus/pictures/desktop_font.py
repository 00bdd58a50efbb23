from PIL import Image, ImageDraw, ImageFont

picture = Image.new("RGB", (200, 100), "white")
ImageDraw.Draw(picture).text((10, 10), "Hello", font=ImageFont.truetype("arialbd.ttf", 40), fill="black")
picture.save("a.png")

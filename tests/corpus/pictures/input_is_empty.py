count = int(input("How many? "))

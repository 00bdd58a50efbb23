import sys, argparse
import matplotlib.pyplot as plt
def main():
    args = argparse.ArgumentParser().parse_args()
    plt.figure(figsize=(4, 3)); plt.bar(['a'], [1]); plt.title('Guarded'); plt.savefig('x.svg'); plt.close()
    return 0
if __name__ == '__main__':
    sys.exit(main())

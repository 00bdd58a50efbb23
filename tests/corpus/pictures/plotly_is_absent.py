x = 1
import plotly.graph_objects as go

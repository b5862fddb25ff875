import sys; sys.argv = ["x"]
exec(open("/root/drafts/inception2/trial/steps.py").read().split("for job in")[0])
from torch.profiler import profile, ProfilerActivity
m = small(0.375)
x = torch.randn(128, 3, 32, 32).to(memory_format=torch.channels_last); y = torch.randint(10, (128,))
def f():
    with torch.autocast("cpu", torch.bfloat16): loss = F.cross_entropy(m(x), y)
    loss.backward(); m.zero_grad()
f()
with profile(activities=[ProfilerActivity.CPU]) as p: f()
print(p.key_averages().table(sort_by="self_cpu_time_total", row_limit=16, max_name_column_width=40))
# forward alone, in evaluation: single precision and bfloat16
m.eval()
with torch.no_grad():
    print("eval fp32 ms", [round(1000*a) for a, _ in clock(lambda: m(x), 3)])
    with torch.autocast("cpu", torch.bfloat16): print("eval bf16 ms", [round(1000*a) for a, _ in clock(lambda: m(x), 3)])
r = steps(small(0.3125), "bf16"); print("0.3125", r)

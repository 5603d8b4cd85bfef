"""bench/common.py -- what the benches share: where things are, medians, tables in README.md."""
import json
import math
import os
import re
import resource
import statistics
import subprocess
import sys

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
BIN = os.path.join(ROOT, "build/release/bin")
WEIR = os.path.join(BIN, "weir")
WORK = os.path.join(ROOT, "build/bench")

WASM_FLAGS = ["--target=wasm32", "-mcpu=mvp", "-msign-ext", "-mnontrapping-fptoint",
              "-mmutable-globals", "-mmultivalue", "-nostdlib", "--no-wasm-opt", "-Wl,--no-entry"]


def call(command, **options):
    """Runs a command; returns its standard output. Ends the program when it fails."""
    done = subprocess.run(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
                          check=False, **options)
    if done.returncode != 0:
        sys.exit(f"{' '.join(command)}\n{done.stderr}")
    return done.stdout


def cpu_seconds(command):
    """Runs a command; returns (processor seconds of it and all it waited for, its output)."""
    before = resource.getrusage(resource.RUSAGE_CHILDREN)
    output = call(command)
    after = resource.getrusage(resource.RUSAGE_CHILDREN)
    return (after.ru_utime + after.ru_stime - before.ru_utime - before.ru_stime), output


def median(values):
    return statistics.median(values)


def geometric_mean(values):
    return math.exp(sum(math.log(value) for value in values) / len(values))


def table(header, rows):
    """A Markdown table; the first column is text, the others are numbers."""
    lines = ["| " + " | ".join(header) + " |", "|---" + "|---:" * (len(header) - 1) + "|"]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def machine():
    """One line that says where the figures come from."""
    with open("/proc/cpuinfo", encoding="utf-8") as file:
        model = re.search(r"model name\s*: (.*)", file.read())
    return f"{model.group(1) if model else 'unknown processor'}, {os.cpu_count()} cores, " \
           f"Linux {os.uname().release}"


def keep(name, data):
    """Keeps what was measured, for the plots."""
    with open(os.path.join(WORK, name + ".json"), "w", encoding="utf-8") as file:
        json.dump(data, file)


def kept(name):
    """What keep() kept."""
    try:
        with open(os.path.join(WORK, name + ".json"), encoding="utf-8") as file:
            return json.load(file)
    except FileNotFoundError:
        sys.exit(f"nothing measured yet: script/bench {name}")


def publish(name, text):
    """Prints the text and puts it between the markers of its name in bench/README.md."""
    print(text)
    path = os.path.join(ROOT, "bench/README.md")
    with open(path, encoding="utf-8") as file:
        page = file.read()
    begin, end = f"<!-- begin {name} -->\n", f"<!-- end {name} -->"
    if begin not in page or end not in page:
        sys.exit(f"bench/README.md has no markers for {name}")
    head, rest = page.split(begin)
    with open(path, "w", encoding="utf-8") as file:
        file.write(head + begin + text + "\n" + end + rest.split(end)[1])

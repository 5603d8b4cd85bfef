// test/fuzz/node.js -- the other side of the differential fuzzing: modules run by Node.
//
//     node node.js VALUES
//
// Reads lines and answers as differ.c does:
//   run PATH              the module as it is
//   probe FILL CALLS PATH the module after wasm-opt --instrument-memory: a load out of bounds gives
//                         bytes FILL, a store out of bounds does nothing. CALLS has a letter for
//                         each call: after one with "b" the instance is dropped. Adds a line
//                         "outside LOADS STORES LOGS" to a call with such accesses: how many, and
//                         how many lines it had logged before the first.
"use strict";
const fs = require("fs");

const INITIALIZER = "hangLimitInitializer";
const values = process.argv[2].split(",").map((text) => BigInt("0x" + text));

const TRAPS = [  // what V8 says, in the words of abi/trap.def; the first that matches counts
    [/memory access out of bounds/, "memory-out-of-bounds"],
    [/data segment/, "memory-out-of-bounds"],
    [/(element|table) segment/, "table-out-of-bounds"],
    [/table index is out of bounds/, "table-call"],
    [/null function or function signature|signature mismatch/, "table-call"],
    [/\btable\b/, "table-out-of-bounds"],
    [/divide result unrepresentable/, "integer-overflow"],
    [/(divide|remainder) by zero/, "integer-divide-by-zero"],
    [/float unrepresentable/, "conversion"],
    [/unreachable/, "unreachable"],
    [/call stack/, "stack-exhausted"],
];

// ---- values

const bits = new DataView(new ArrayBuffer(8));

function textOf(type, value) {
    if (type === "i32")
        return `i32:${(value >>> 0).toString(16)}`;
    if (type === "i64")
        return `i64:${BigInt.asUintN(64, value).toString(16)}`;
    if (type === "f32") {
        bits.setFloat32(0, value);
        return Number.isNaN(value) ? "f32:nan" : `f32:${bits.getUint32(0).toString(16)}`;
    }
    if (type === "f64") {
        bits.setFloat64(0, value);
        return Number.isNaN(value) ? "f64:nan" : `f64:${bits.getBigUint64(0).toString(16)}`;
    }
    return "reference";
}

function argument(type, number) {
    const value = values[number % values.length];
    if (type === "i32")
        return Number(BigInt.asIntN(32, value));
    if (type === "i64")
        return BigInt.asIntN(64, value);
    if (type === "f32" || type === "f64")
        return Number(BigInt.asIntN(64, value)) / 256;
    return null;
}

// ---- types of exported functions, which JavaScript does not tell: from the module's bytes

class Reader {
    constructor(bytes) {
        this.bytes = bytes;
        this.at = 8;
    }

    number() {
        let value = 0, shift = 0, byte;
        do {
            byte = this.bytes[this.at++];
            value += (byte & 127) * 2 ** shift;
            shift += 7;
        } while (byte & 128);
        return value;
    }

    list(read) {
        return Array.from({length: this.number()}, () => read());
    }

    name() {
        const len = this.number();
        this.at += len;
        return this.bytes.toString("utf8", this.at - len, this.at);
    }

    type() {
        const byte = this.bytes[this.at++];
        if (byte === 0x63 || byte === 0x64)
            this.number();
        return {0x7f: "i32", 0x7e: "i64", 0x7d: "f32", 0x7c: "f64"}[byte] || "reference";
    }

    limits() {
        const flags = this.number();
        this.number();
        if (flags & 1)
            this.number();
    }

    funcType() {
        this.at++;
        return {params: this.list(() => this.type()), results: this.list(() => this.type())};
    }

    // The type of an imported function, else undefined.
    importedFunc() {
        this.name();
        this.name();
        const kind = this.bytes[this.at++];
        if (kind === 0)
            return this.number();
        if (kind === 1 || kind === 3)
            this.type();
        if (kind === 3)
            this.at++;
        else
            this.limits();
        return undefined;
    }
}

// Map from the name of each exported function to its type, in the module's order.
function exportedTypes(bytes) {
    const r = new Reader(bytes);
    let types = [], funcs = [];
    const found = new Map();
    while (r.at < bytes.length) {
        const id = bytes[r.at++];
        const end = r.number() + r.at;
        if (id === 1)
            types = r.list(() => r.funcType());
        else if (id === 2)
            funcs = r.list(() => r.importedFunc()).filter((type) => type !== undefined);
        else if (id === 3)
            funcs = funcs.concat(r.list(() => r.number()));
        else if (id === 7)
            r.list(() => {
                const name = r.name(), kind = bytes[r.at++], index = r.number();
                if (kind === 0)
                    found.set(name, types[funcs[index]]);
            });
        r.at = end;
    }
    return found;
}

// ---- accesses out of bounds, in an instrumented module

class Probe {
    constructor(fill) {
        this.fill = parseInt(fill, 16);
        this.loads = new Map();   // site -> length of its last access if that was out of bounds
        this.stores = new Map();  // site -> stack of {outside, at}: sites may nest in calls
        this.reset();
    }

    reset() {
        this.loadCount = 0;
        this.storeCount = 0;
        this.firstLog = 0;
    }

    note(isStore) {
        if (this.loadCount + this.storeCount === 0)
            this.firstLog = this.logs();
        this[isStore ? "storeCount" : "loadCount"]++;
    }

    isOutside(len, offset, addr) {
        return (addr >>> 0) + (offset >>> 0) + len > this.memory().byteLength;
    }

    // As if the access had found such bytes.
    filled(type, len) {
        bits.setBigUint64(0, 0n);
        const at = type[1] === "3" ? 4 : 8;
        for (let i = 1; i <= len; i++)
            bits.setUint8(at - i, this.fill);
        return {i32: () => bits.getInt32(0), i64: () => bits.getBigInt64(0),
                f32: () => bits.getFloat32(0), f64: () => bits.getFloat64(0)}[type]();
    }

    // What lies at the redirected address: written again, it changes nothing.
    present(type, at) {
        const view = new DataView(new ArrayBuffer(8));
        new Uint8Array(view.buffer).set(new Uint8Array(this.memory()).subarray(at, at + 8));
        return {i32: () => view.getInt32(0, true), i64: () => view.getBigInt64(0, true),
                f32: () => view.getFloat32(0, true), f64: () => view.getFloat64(0, true)}[type]();
    }

    imports() {
        const env = {
            load_ptr: (site, len, offset, addr) => {
                const outside = this.isOutside(len, offset, addr);
                this.loads.set(site, outside ? len : 0);
                if (outside)
                    this.note(false);
                return outside ? 0 : addr;
            },
            store_ptr: (site, len, offset, addr) => {
                const outside = this.isOutside(len, offset, addr);
                if (!this.stores.has(site))
                    this.stores.set(site, []);
                this.stores.get(site).push({outside, at: offset >>> 0});
                if (outside)
                    this.note(true);
                return outside ? 0 : addr;
            },
        };
        for (const type of ["i32", "i64", "f32", "f64"]) {
            env["load_val_" + type] = (site, value) =>
                this.loads.get(site) ? this.filled(type, this.loads.get(site)) : value;
            env["store_val_" + type] = (site, value) => {
                const {outside, at} = this.stores.get(site).pop();
                return outside ? this.present(type, at) : value;
            };
        }
        return env;
    }
}

// ---- one module

function run(path, probe, calls) {
    const out = [];
    let instance = null, logged = 0;
    const bytes = fs.readFileSync(path);
    const log = (type) => (value) => {
        logged++;
        out.push(`log ${textOf(type, value)}`);
    };
    const imports = {"fuzzing-support": {"log-i32": log("i32"), "log-i64": log("i64"),
                                         "log-f32": log("f32"), "log-f64": log("f64")},
                     env: probe ? probe.imports() : {}};
    if (probe) {
        probe.memory = () => instance.exports.memory.buffer;
        probe.logs = () => logged;
    }
    let module;
    try {
        module = new WebAssembly.Module(bytes);
        instance = new WebAssembly.Instance(module, imports);
    } catch (error) {
        if (error instanceof WebAssembly.RuntimeError)
            return [`error trap ${error.message}`];
        return [`error ${error.name} ${error.message}`];
    }
    let number = 0;
    const types = exportedTypes(bytes);
    for (const [name, type] of types) {
        if (name === INITIALIZER)
            continue;
        if (instance === null)
            instance = new WebAssembly.Instance(module, imports);
        out.push(`call ${name}`);
        logged = 0;
        if (types.has(INITIALIZER))
            instance.exports[INITIALIZER]();
        const hasTrapped = !callOne(instance, name, type, number, out);
        if (probe && probe.loadCount + probe.storeCount > 0) {
            out.push(`outside ${probe.loadCount} ${probe.storeCount} ${probe.firstLog}`);
            probe.reset();
        }
        if (hasTrapped || (probe && calls[number] === "b"))
            instance = null;
        number++;
    }
    return out;
}

// Calls an export; false if it trapped.
function callOne(instance, name, type, number, out) {
    try {
        const args = type.params.map((param, i) => argument(param, number + i));
        let results = instance.exports[name](...args);
        if (type.results.length === 1)
            results = [results];
        const texts = type.results.map((result, i) => " " + textOf(result, results[i]));
        out.push("return" + texts.join(""));
    } catch (error) {
        if (!(error instanceof WebAssembly.RuntimeError || error instanceof RangeError))
            throw error;
        const row = TRAPS.find(([pattern]) => pattern.test(error.message));
        out.push(`trap ${row ? row[1] : error.message}`);
        return false;
    }
    const memory = Object.values(instance.exports).find((e) => e instanceof WebAssembly.Memory);
    const words = new Int32Array(memory ? memory.buffer : new ArrayBuffer(0));
    let a = 0, b = 0, c = 0, d = 0;
    for (let i = 0; i < words.length; i += 4) {
        a = Math.imul(a ^ words[i], 16777619);
        b = Math.imul(b ^ words[i + 1], 16777619);
        c = Math.imul(c ^ words[i + 2], 16777619);
        d = Math.imul(d ^ words[i + 3], 16777619);
    }
    const sums = [a, b, c, d].map((sum) => (sum >>> 0).toString(16));
    out.push(`memory ${words.length / 16384} ${sums.join(" ")}`);
    return true;
}

// ---- the conversation

function answer(line) {
    const [verb, ...rest] = line.split(" ");
    let out;
    try {
        out = verb === "probe" ? run(rest.slice(2).join(" "), new Probe(rest[0]), rest[1])
                               : run(rest.join(" "), null, "");
    } catch (error) {
        out = [`error node ${error.message}`];
    }
    fs.writeSync(1, out.map((text) => text.replace(/\n/g, " ") + "\n").join("") + ".\n");
}

let waiting = "";
process.stdin.on("data", (piece) => {
    const lines = (waiting + piece).split("\n");
    waiting = lines.pop();
    lines.forEach(answer);
});

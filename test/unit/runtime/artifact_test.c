/* Loading: what is refused, before anything of it can run. */
#include "runtime/internal.h"
#include "test/test.h"
#include "test/unit/runtime/guest.h"
#include <elf.h>

static u8 *read_code(size_t *len)
{
    struct file_view view;
    assert_true(file_map(GUEST_CODE_FILE, MIB, "guest", &view, NULL));
    u8 *bytes = malloc(view.len);
    assert_non_null(bytes);
    memcpy(bytes, view.bytes, view.len);
    *len = view.len;
    file_unmap(&view);
    return bytes;
}

static Elf64_Phdr *segment(u8 *bytes, u32 type, u32 flags)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)bytes;
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(bytes + head->e_phoff);
    for (u32 i = 0; i < head->e_phnum; i++)
        if (segments[i].p_type == type && (segments[i].p_flags & flags) == flags)
            return &segments[i];
    fail();
    return NULL;
}

/* The first dynamic entry with this tag. */
static Elf64_Dyn *dynamic(u8 *bytes, i64 tag)
{
    Elf64_Dyn *dyn = (Elf64_Dyn *)(void *)(bytes + segment(bytes, PT_DYNAMIC, 0)->p_offset);
    while (dyn->d_tag != tag) {
        assert_true(dyn->d_tag != DT_NULL);
        dyn++;
    }
    return dyn;
}

static Elf64_Shdr *symbol_table(u8 *bytes)
{
    Elf64_Ehdr *head = (Elf64_Ehdr *)(void *)bytes;
    Elf64_Shdr *sections = (Elf64_Shdr *)(void *)(bytes + head->e_shoff);
    while (sections->sh_type != SHT_DYNSYM)
        sections++;
    return sections;
}

static Elf64_Sym *symbol(u8 *bytes)
{
    return (Elf64_Sym *)(void *)(bytes + symbol_table(bytes)->sh_offset) + 1;
}

static void executable_and_writable(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_flags |= PF_W;
}
static void executable_stack(u8 *bytes)
{
    segment(bytes, PT_GNU_STACK, 0)->p_flags |= PF_X;
}
static void interpreter(u8 *bytes)
{
    segment(bytes, PT_GNU_EH_FRAME, 0)->p_type = PT_INTERP;
}
static void thread_storage(u8 *bytes)
{
    segment(bytes, PT_GNU_EH_FRAME, 0)->p_type = PT_TLS;
}
static void two_texts(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_R)->p_flags |= PF_X;
}
static void segment_outside(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_filesz = (u64)1 << 40;
}
static void no_dynamic(u8 *bytes)
{
    segment(bytes, PT_DYNAMIC, 0)->p_type = PT_NULL;
}
static void another_machine(u8 *bytes)
{
    ((Elf64_Ehdr *)(void *)bytes)->e_machine = EM_AARCH64;
}
static void a_program(u8 *bytes)
{
    ((Elf64_Ehdr *)(void *)bytes)->e_type = ET_EXEC;
}
static void undefined_symbol(u8 *bytes)
{
    symbol(bytes)->st_shndx = SHN_UNDEF;
}
static void indirect_function(u8 *bytes)
{
    symbol(bytes)->st_info = ELF64_ST_INFO(STB_GLOBAL, STT_GNU_IFUNC);
}
static void another_symbol_table(u8 *bytes)
{
    symbol_table(bytes)->sh_offset += 8;
}
static void text_relocations(u8 *bytes)
{
    dynamic(bytes, DT_FLAGS)->d_un.d_val |= DF_TEXTREL;
}
static void dynamic_without_end(u8 *bytes)
{
    segment(bytes, PT_DYNAMIC, 0)->p_memsz = 7 * sizeof(Elf64_Dyn);
    segment(bytes, PT_DYNAMIC, 0)->p_filesz = 7 * sizeof(Elf64_Dyn);
}

static void hostile_code_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        void (*change)(u8 *);
        const char *says;
    } cases[] = {
        {executable_and_writable, "segment writable and executable"},
        {executable_stack, "wants an executable stack"},
        {interpreter, "segment of a kind that does not belong here"},
        {thread_storage, "segment of a kind that does not belong here"},
        {two_texts, "not exactly one executable segment"},
        {segment_outside, "segment out of bounds"},
        {no_dynamic, "no dynamic section"},
        {another_machine, "not an x86-64 shared object"},
        {a_program, "not an x86-64 shared object"},
        {undefined_symbol, "undefined symbol"},
        {indirect_function, "symbol of a kind that does not belong here"},
        {another_symbol_table, "dynamic symbols in two places"},
        {text_relocations, "dynamic flags that do not belong here"},
        {dynamic_without_end, "dynamic section without an end"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct err err = {0};
        struct rt_elf elf;
        size_t len;
        u8 *bytes = read_code(&len);
        assert_true(rt_elf_check(bytes, len, &elf, NULL));
        cases[i].change(bytes);
        assert_false(rt_elf_check(bytes, len, &elf, &err));
        assert_int_equal(err.code, ERR_ARTIFACT);
        if (strstr(err.text, cases[i].says) == NULL)
            fail_msg("case %zu: %s", i, err.text);
        free(bytes);
    }
}

/* Every tag but those on the list, put in the place of a harmless one. */
static void dynamic_entries_that_act_are_refused(void **state)
{
    (void)state;
    static const i64 tags[] = {
        DT_NEEDED,   DT_INIT,       DT_FINI,      DT_INIT_ARRAY, DT_FINI_ARRAY, DT_PREINIT_ARRAY,
        DT_TEXTREL,  DT_JMPREL,     DT_PLTGOT,    DT_RPATH,      DT_RUNPATH,    DT_AUDIT,
        DT_DEPAUDIT, DT_FILTER,     DT_AUXILIARY, DT_REL,        DT_RELA,       DT_DEBUG,
        DT_VERNEED,  36 /* RELR */, 0x12345678,
    };
    for (size_t i = 0; i < COUNT_OF(tags); i++) {
        struct rt_elf elf;
        size_t len;
        u8 *bytes = read_code(&len);
        dynamic(bytes, DT_STRSZ)->d_tag = tags[i];
        assert_false(rt_elf_check(bytes, len, &elf, NULL));
        free(bytes);
    }
}

/* Cut short or with any byte changed, the check reads nothing outside (AddressSanitizer looks). */
static void damaged_code_files_are_judged_safely(void **state)
{
    (void)state;
    struct rt_elf elf;
    size_t len;
    u32 refused = 0;
    u8 *bytes = read_code(&len);
    for (size_t cut = 0; cut < len; cut += 1 + cut / 64) {
        u8 *copy = malloc(cut + 1);
        memcpy(copy, bytes, cut);
        refused += !rt_elf_check(copy, cut, &elf, NULL);
        free(copy);
    }
    assert_true(refused > 100);
    for (size_t at = 0; at < len; at++) {
        bytes[at] ^= 0xff;
        refused += !rt_elf_check(bytes, len, &elf, NULL);
        bytes[at] ^= 0xff;
    }
    assert_true(refused > 300);
    free(bytes);
}

/* ---- module files ---- */

static const struct guest_module plain = {.memory_pages = 1, .memory_max = 4};

static bool decode(const u8 *bytes, size_t len, struct err *err)
{
    struct rt_module_file file;
    struct arena arena;
    arena_init(&arena, 64 * MIB);
    bool ok = rt_module_file_decode(&file, &arena, bytes, len, err);
    arena_fini(&arena);
    return ok;
}

static void damaged_module_files_are_judged_safely(void **state)
{
    (void)state;
    struct buf bytes;
    buf_init(&bytes, MIB);
    guest_module_make(&bytes, &plain);
    assert_true(decode(bytes.bytes, bytes.len, NULL));
    for (size_t cut = 0; cut < bytes.len; cut++) {
        struct err err = {0};
        u8 *copy = malloc(cut + 1);
        memcpy(copy, bytes.bytes, cut);
        assert_false(decode(copy, cut, &err));
        assert_true(err.code != ERR_NONE && err.at <= cut);
        free(copy);
    }
    for (size_t at = 0; at < bytes.len; at++) {
        for (u32 bit = 0; bit < 8; bit++) {
            struct err err = {0};
            bytes.bytes[at] ^= (u8)(1u << bit);
            bool ok = decode(bytes.bytes, bytes.len, &err);
            assert_int_equal(ok, err.code == ERR_NONE);
            bytes.bytes[at] ^= (u8)(1u << bit);
        }
    }
    buf_fini(&bytes);
}

/* ---- both together ---- */

static void flip_byte(const char *path, off_t at)
{
    u8 byte = 0;
    int fd = open(path, O_RDWR | O_CLOEXEC);
    assert_true(fd >= 0 && pread(fd, &byte, 1, at) == 1);
    byte ^= 1;
    assert_int_equal(pwrite(fd, &byte, 1, at), 1);
    close(fd);
}

static void only_files_with_the_right_mac_are_loaded(void **state)
{
    (void)state;
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module = NULL, *again;
    const struct digest wrong_key = {{9}};
    guest_files_init(&files);
    guest_module_write(&files, &plain);
    assert_true(rt_engine_create(&engine, NULL, NULL));
    assert_true(rt_module_load(&module, engine, files.code, files.module, &guest_key, NULL));
    assert_true(rt_module_load(&again, engine, files.code, files.module, &guest_key, NULL));
    assert_ptr_equal(again->code, module->code); /* shared */
    rt_module_release(&again);
    rt_module_release(&module);
    assert_null(engine->codes);
    struct err err = {0};
    assert_false(rt_module_load(&module, engine, files.code, files.module, &wrong_key, &err));
    assert_int_equal(err.code, ERR_ARTIFACT);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, "code", files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not an absolute path"));
    flip_byte(files.code, 0x1234);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, files.code, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not made here, damaged"));
    flip_byte(files.code, 0x1234);
    flip_byte(files.module, 100);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, files.code, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not made here, damaged"));
    rt_engine_destroy(&engine);
    guest_files_remove(&files);
}

static void files_of_two_modules_do_not_load(void **state)
{
    (void)state;
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
    struct err err = {0};
    struct buf bytes;
    guest_files_init(&files);
    buf_init(&bytes, MIB);
    guest_module_make(&bytes, &plain);
    guest_file_write(files.module, bytes.bytes, bytes.len);
    assert_true(rt_engine_create(&engine, NULL, NULL));
    /* A code file named after a key that is not the module's. */
    char named[160], name[DIGEST_HEX];
    const struct digest other = {{7}};
    digest_hex(&other, name);
    snprintf(named, sizeof named, "%s/%s.code", files.folder, name);
    assert_int_equal(rename(files.code, named), 0);
    assert_false(rt_module_load(&module, engine, named, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "under another name"));
    struct file_view view;
    assert_true(file_map(GUEST_CODE_FILE, MIB, "guest", &view, NULL));
    guest_file_write(named, view.bytes, view.len); /* with the MAC of this name */
    file_unmap(&view);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, named, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not of one module"));
    assert_int_equal(unlink(named), 0);
    rt_engine_destroy(&engine);
    buf_fini(&bytes);
    guest_files_remove(&files);
}

/* What abi/artifact.h says of the offsets is checked, not believed. */
static void offsets_out_of_place_are_refused(void **state)
{
    (void)state;
    enum { FUNCS = GUEST_FUNC_END - 1 }; /* without the imported one */
    static const struct {
        u32 to, from; /* which offset takes the value of which: functions, entries, host calls */
        const char *why;
    } cases[] = {
        {FUNCS, 1, "call stub 0 out of place"},     /* an entry among the functions */
        {FUNCS + 2, 0, "call stub 2 out of place"}, /* a host call at the first of them */
        {3, 2, "function 3 out of place"},
        {0, 1, "function 1 out of place"},
    };
    for (size_t i = 0; i < COUNT_OF(cases); i++) {
        struct guest_files files;
        struct rt_engine *engine;
        struct rt_module *module;
        struct err err = {0};
        size_t len;
        u8 *bytes = read_code(&len);
        const u64 magic = ABI_CODE_MAGIC;
        struct abi_code *head = memmem(bytes, len, &magic, sizeof magic);
        assert_non_null(head);
        i32 *offsets = (i32 *)(head + 1);
        offsets[cases[i].to] = offsets[cases[i].from];
        guest_files_init(&files);
        guest_module_write(&files, &plain);
        guest_file_write(files.code, bytes, len);
        assert_true(rt_engine_create(&engine, NULL, NULL));
        assert_false(rt_module_load(&module, engine, files.code, files.module, &guest_key, &err));
        assert_non_null(strstr(err.text, cases[i].why));
        rt_engine_destroy(&engine);
        guest_files_remove(&files);
        free(bytes);
    }
}

static void equal_types_have_one_id(void **state)
{
    (void)state;
    enum { COUNT = 3000 };
    struct rt_types types = {0};
    static u64 ids[COUNT];
    for (u32 round = 0; round < 2; round++) {
        for (u32 i = 0; i < COUNT; i++) {
            u8 params[12];
            for (u32 k = 0; k < 12; k++)
                params[k] = (u8)(RT_F64 + ((i >> k) & 1));
            struct rt_func_type type = {params, params + 1, 11, i % 2};
            u64 id;
            assert_true(rt_type_id(&types, &type, &id, NULL));
            assert_true(id != 0);
            if (round == 0)
                ids[i] = id;
            assert_int_equal(ids[i], id);
            assert_true(i == 0 || ids[i] != ids[i - 1]);
        }
    }
    static const u8 i32_type[] = {RT_I32};
    struct rt_func_type one = {i32_type, i32_type, 1, 0}, other = {i32_type, i32_type, 0, 1};
    u64 a = 0, b = 0;
    assert_true(rt_type_id(&types, &one, &a, NULL) && rt_type_id(&types, &other, &b, NULL));
    assert_int_not_equal(a, b);
    rt_types_fini(&types);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(hostile_code_files_are_refused),
        cmocka_unit_test(dynamic_entries_that_act_are_refused),
        cmocka_unit_test(damaged_code_files_are_judged_safely),
        cmocka_unit_test(damaged_module_files_are_judged_safely),
        cmocka_unit_test(only_files_with_the_right_mac_are_loaded),
        cmocka_unit_test(files_of_two_modules_do_not_load),
        cmocka_unit_test(offsets_out_of_place_are_refused),
        cmocka_unit_test(equal_types_have_one_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

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

static Elf64_Ehdr *head_of(u8 *bytes)
{
    return (Elf64_Ehdr *)(void *)bytes;
}

static void executable_and_writable(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_flags |= PF_W;
}
static void writable(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_R)->p_flags |= PF_W;
}
static void two_texts(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_R)->p_flags |= PF_X;
}
static void segment_outside(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_filesz = (u64)1 << 40;
    segment(bytes, PT_LOAD, PF_X)->p_memsz = (u64)1 << 40;
}
static void segment_at_the_end_of_all(u8 *bytes)
{
    Elf64_Phdr *text = segment(bytes, PT_LOAD, PF_X);
    text->p_vaddr = UINT64_MAX - RT_PAGE_BYTES + 1 + text->p_offset % RT_PAGE_BYTES;
}
static void zeros_behind(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_memsz += RT_PAGE_BYTES;
}
static void between_pages(u8 *bytes)
{
    segment(bytes, PT_LOAD, PF_X)->p_vaddr += 8;
}
static void overlapping(u8 *bytes)
{
    Elf64_Phdr *text = segment(bytes, PT_LOAD, PF_X);
    text->p_vaddr = text->p_offset % RT_PAGE_BYTES;
}
static void many_segments(u8 *bytes)
{
    Elf64_Phdr *segments = (Elf64_Phdr *)(void *)(bytes + head_of(bytes)->e_phoff);
    for (u64 i = 0; i < head_of(bytes)->e_phnum; i++)
        segments[i] = (Elf64_Phdr){.p_type = PT_LOAD,
                                   .p_flags = PF_R,
                                   .p_vaddr = i * RT_PAGE_BYTES,
                                   .p_filesz = 1,
                                   .p_memsz = 1};
}
static void another_machine(u8 *bytes)
{
    head_of(bytes)->e_machine = EM_AARCH64;
}
static void a_program(u8 *bytes)
{
    head_of(bytes)->e_type = ET_EXEC;
}
static void headers_outside(u8 *bytes)
{
    head_of(bytes)->e_phoff = UINT64_MAX - 8;
}
static void entry_between(u8 *bytes)
{
    head_of(bytes)->e_entry += 1;
}
static void entry_outside(u8 *bytes)
{
    head_of(bytes)->e_entry = UINT64_MAX - 7;
}

static void hostile_code_files_are_refused(void **state)
{
    (void)state;
    static const struct {
        void (*change)(u8 *);
        const char *says;
    } cases[] = {
        {executable_and_writable, "a writable segment"},
        {writable, "a writable segment"},
        {two_texts, "two executable segments"},
        {segment_outside, "segment out of bounds"},
        {segment_at_the_end_of_all, "segment out of bounds"},
        {zeros_behind, "segment out of bounds"},
        {between_pages, "segment out of bounds"},
        {overlapping, "segments overlap"},
        {many_segments, "too many segments"},
        {another_machine, "not an x86-64 shared object"},
        {a_program, "not an x86-64 shared object"},
        {headers_outside, "odd headers"},
        {entry_between, "its entry is no weir_code"},
        {entry_outside, "its entry is no weir_code"},
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
    flip_byte(files.code, 0x789);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, files.code, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not made here, damaged"));
    flip_byte(files.code, 0x789);
    flip_byte(files.module, 100);
    err = (struct err){0};
    assert_false(rt_module_load(&module, engine, files.code, files.module, &guest_key, &err));
    assert_non_null(strstr(err.text, "not made here, damaged"));
    rt_engine_destroy(&engine);
    guest_files_remove(&files);
}

/* How many mappings of this process are of the file; fails if one has other rights than it should.
 */
static u32 mappings_of(const char *path)
{
    char line[512];
    u32 count = 0;
    FILE *maps = fopen("/proc/self/maps", "re");
    assert_non_null(maps);
    while (fgets(line, sizeof line, maps) != NULL) {
        if (strstr(line, path) == NULL)
            continue;
        assert_true(strstr(line, " r--p ") != NULL || strstr(line, " r-xp ") != NULL);
        count++;
    }
    fclose(maps);
    return count;
}

/* Near the program, where calls cost least, and gone when nobody needs it. */
static void code_is_mapped_near_the_program(void **state)
{
    (void)state;
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module;
    guest_files_init(&files);
    guest_module_write(&files, &plain);
    assert_true(rt_engine_create(&engine, NULL, NULL));
    u64 program = (u64)(uintptr_t)&plain;
    for (u32 i = 0; i < 3; i++) {
        assert_true(rt_module_load(&module, engine, files.code, files.module, &guest_key, NULL));
        assert_in_range(program - module->code->text_start, 0, 2 * GIB);
        assert_int_equal(mappings_of(files.code), 2);
        rt_module_release(&module);
        assert_int_equal(mappings_of(files.code), 0);
    }
    rt_engine_destroy(&engine);
    guest_files_remove(&files);
}

/* Where its place is taken it goes elsewhere: nothing is mapped over. */
static void taken_space_is_left_alone(void **state)
{
    (void)state;
    struct guest_files files;
    struct rt_engine *engine;
    struct rt_module *module, *other;
    char path[96];
    struct file_view view;
    guest_files_init(&files);
    guest_module_write(&files, &plain);
    snprintf(path, sizeof path, "%s/other", files.folder);
    assert_true(file_map(GUEST_CODE_FILE, MIB, "guest", &view, NULL));
    guest_file_write(path, view.bytes, view.len);
    file_unmap(&view);
    assert_true(rt_engine_create(&engine, NULL, NULL));
    assert_true(rt_module_load(&module, engine, files.code, files.module, &guest_key, NULL));
    engine->code_below = 0; /* begins anew, where the first one is */
    assert_true(rt_module_load(&other, engine, path, files.module, &guest_key, NULL));
    assert_int_equal(mappings_of(files.code), 2);
    assert_int_equal(mappings_of(path), 2);
    rt_module_release(&other);
    rt_module_release(&module);
    rt_engine_destroy(&engine);
    unlink(path);
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
        cmocka_unit_test(damaged_code_files_are_judged_safely),
        cmocka_unit_test(damaged_module_files_are_judged_safely),
        cmocka_unit_test(only_files_with_the_right_mac_are_loaded),
        cmocka_unit_test(code_is_mapped_near_the_program),
        cmocka_unit_test(taken_space_is_left_alone),
        cmocka_unit_test(files_of_two_modules_do_not_load),
        cmocka_unit_test(offsets_out_of_place_are_refused),
        cmocka_unit_test(equal_types_have_one_id),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}

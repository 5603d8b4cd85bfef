# LLVM and lld, linked statically into weirc.
if(TARGET codegen)
    get_target_property(codegen_type codegen TYPE)
    if(NOT codegen_type STREQUAL "INTERFACE_LIBRARY")
        target_include_directories(codegen SYSTEM PRIVATE ${LLVM_INCLUDE_DIRS})
        llvm_map_components_to_libnames(llvm_parts x86codegen x86asmparser x86desc x86info passes
            core analysis target mc object support option)
        target_link_directories(codegen PUBLIC ${LLVM_LIBRARY_DIRS})
        target_link_libraries(codegen PUBLIC lldELF lldCommon ${llvm_parts})
    endif()
endif()

/* The page as bytes of the binary. .incbin looks where page.cmake says. */
    .section .rodata
#define PAGE_FILE(symbol, path, file, type) \
    .global onebit_page_##symbol; \
    .global onebit_page_##symbol##_end; \
    onebit_page_##symbol: .incbin file; \
    onebit_page_##symbol##_end:
#include "server/page_files.inc"
    .section .note.GNU-stack, "", %progbits

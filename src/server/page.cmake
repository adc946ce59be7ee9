# onebit_page: the page in the binary. web/dist is committed, so that a build needs no node; with
# ONEBIT_PAGE_NPM the page is made anew from web/ (needs npm and its registry).
option(ONEBIT_PAGE_NPM "Build the page with npm instead of taking web/dist" OFF)
enable_language(ASM)

set(WEB ${CMAKE_SOURCE_DIR}/web)
set(PAGE_DIR ${WEB}/dist)
if(ONEBIT_PAGE_NPM)
  set(PAGE_DIR ${CMAKE_BINARY_DIR}/page)
endif()
set(PAGE_FILES)
file(STRINGS ${CMAKE_CURRENT_LIST_DIR}/page_files.inc LINES REGEX "^PAGE_FILE")
foreach(LINE IN LISTS LINES)
  string(REGEX REPLACE [[^[^"]*"[^"]*", "([^"]*)".*]] [[\1]] NAME "${LINE}")
  list(APPEND PAGE_FILES ${PAGE_DIR}/${NAME})
endforeach()
if(ONEBIT_PAGE_NPM)
  find_program(NPM npm REQUIRED)
  file(GLOB_RECURSE PAGE_SOURCES CONFIGURE_DEPENDS ${WEB}/src/* ${WEB}/public/*)
  add_custom_command(
    OUTPUT ${PAGE_FILES}
    COMMAND ${NPM} ci --silent
    COMMAND ${NPM} run --silent build -- --outDir ${PAGE_DIR} --emptyOutDir --logLevel warn
    DEPENDS ${PAGE_SOURCES} ${WEB}/index.html ${WEB}/package-lock.json ${WEB}/vite.config.ts
    WORKING_DIRECTORY ${WEB}
    COMMENT "Building the page")
endif()

add_library(onebit_page STATIC ${CMAKE_CURRENT_LIST_DIR}/page.cpp ${CMAKE_CURRENT_LIST_DIR}/page.S)
target_link_libraries(onebit_page PUBLIC onebit_flags)
set_source_files_properties(${CMAKE_CURRENT_LIST_DIR}/page.S PROPERTIES
                            COMPILE_OPTIONS -Wa,-I${PAGE_DIR} OBJECT_DEPENDS "${PAGE_FILES}")

# Cross build for 64-bit Arm Linux with Debian's g++-aarch64-linux-gnu; tests run under qemu-user.
# tools/aarch64-sysroot.sh BUILD_DIR/sysroot brings the libraries. QEMU_CPU=neoverse-n1 ctest ... plays
# a CPU with dotprod but not i8mm, cortex-a53 one with neither; without it qemu has every instruction.
set(CMAKE_SYSTEM_NAME Linux)
set(CMAKE_SYSTEM_PROCESSOR aarch64)
set(CMAKE_CXX_COMPILER aarch64-linux-gnu-g++)
set(CMAKE_ASM_COMPILER aarch64-linux-gnu-g++)

set(ONEBIT_SYSROOT ${CMAKE_BINARY_DIR}/sysroot CACHE PATH "Debian arm64 libraries")
set(CMAKE_TRY_COMPILE_PLATFORM_VARIABLES ONEBIT_SYSROOT)
set(CMAKE_FIND_ROOT_PATH ${ONEBIT_SYSROOT} /usr/aarch64-linux-gnu)
set(CMAKE_FIND_ROOT_PATH_MODE_PROGRAM NEVER)
set(CMAKE_FIND_ROOT_PATH_MODE_LIBRARY ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_INCLUDE ONLY)
set(CMAKE_FIND_ROOT_PATH_MODE_PACKAGE ONLY)
# OpenSSL has headers of the architecture there.
set(CMAKE_CXX_STANDARD_INCLUDE_DIRECTORIES ${ONEBIT_SYSROOT}/usr/include/aarch64-linux-gnu)
set(ENV{PKG_CONFIG_LIBDIR} ${ONEBIT_SYSROOT}/usr/lib/aarch64-linux-gnu/pkgconfig)
set(ENV{PKG_CONFIG_SYSROOT_DIR} ${ONEBIT_SYSROOT})

set(CMAKE_CROSSCOMPILING_EMULATOR qemu-aarch64 -L /usr/aarch64-linux-gnu)

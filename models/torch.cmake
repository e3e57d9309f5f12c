# libtorch as scripts/setup unpacks it from PyPI's wheel: imported targets of our own, because the wheel's TorchConfig.cmake needs nvcc
# and would link all of CUDA into a CPU build.
set(torch_root "${VOXD_DEPS_DIR}/torch/torch")
if(NOT EXISTS "${torch_root}/lib/libtorch_cpu.so")
  message(FATAL_ERROR "libtorch is not in ${torch_root}: run scripts/setup first")
endif()

foreach(part c10 torch_cpu)
  add_library(${part} SHARED IMPORTED)
  set_target_properties(${part} PROPERTIES IMPORTED_LOCATION "${torch_root}/lib/lib${part}.so" IMPORTED_NO_SONAME OFF)
endforeach()

add_library(voxd_torch INTERFACE)
target_include_directories(voxd_torch SYSTEM INTERFACE "${torch_root}/include" "${torch_root}/include/torch/csrc/api/include")
target_compile_definitions(voxd_torch INTERFACE _GLIBCXX_USE_CXX11_ABI=1)
target_link_libraries(voxd_torch INTERFACE torch_cpu c10)
# What libtorch_cpu.so itself needs of CUDA: two small wheels beside it.
target_link_options(voxd_torch INTERFACE "-Wl,-rpath-link,${VOXD_DEPS_DIR}/torch/nvidia/cu13/lib")

if(VOXD_CUDA)
  # libtorch_cuda registers itself when it is loaded; nothing refers to it, so the linker must be told to keep it.
  target_link_libraries(voxd_torch INTERFACE
    -Wl,--no-as-needed "${torch_root}/lib/libtorch.so" "${torch_root}/lib/libtorch_cuda.so" "${torch_root}/lib/libc10_cuda.so" -Wl,--as-needed)
  target_compile_definitions(voxd_torch INTERFACE VOXD_CUDA)
endif()

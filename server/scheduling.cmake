# Queue, workers and admission: neither gRPC nor libtorch, so that ThreadSanitizer sees every thread of their tests.
add_library(voxd_scheduling STATIC
  admission.cpp fair_order.cpp job_queue.cpp memory_budget.cpp stall_guard.cpp wait_forecast.cpp work_estimates.cpp
  workers.cpp)
target_link_libraries(voxd_scheduling PUBLIC voxd::transforms)
add_library(voxd::scheduling ALIAS voxd_scheduling)

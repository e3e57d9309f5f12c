# cmake -DTOOL=make_unet -DFILE=model.ts -P make_if_absent.cmake: a network that is there, whoever made it, is left alone.
if(NOT EXISTS "${FILE}")
  execute_process(COMMAND "${TOOL}" "${FILE}" COMMAND_ERROR_IS_FATAL ANY)
endif()

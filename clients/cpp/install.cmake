# The component vserd-client-dev: what a program outside this tree compiles and links against. deploy/packages makes a package of it.
include(CMakePackageConfigHelpers)
set(component vserd-client-dev)
set(libraries_dir lib/${CMAKE_LIBRARY_ARCHITECTURE})  # Debian's multiarch directory; CMake and pkg-config look there
set(config_dir ${libraries_dir}/cmake/vserd_client)

# vserd_proto and vserd_grpc come along because a static library carries its own dependencies to the link.
install(TARGETS vserd_client vserd_proto vserd_grpc EXPORT vserd_client
    ARCHIVE DESTINATION ${libraries_dir} COMPONENT ${component})
install(DIRECTORY include/ DESTINATION include COMPONENT ${component})
install(EXPORT vserd_client NAMESPACE vserd_client:: FILE vserd_clientTargets.cmake DESTINATION ${config_dir} COMPONENT ${component})

configure_package_config_file(vserd_clientConfig.cmake.in ${CMAKE_CURRENT_BINARY_DIR}/vserd_clientConfig.cmake
    INSTALL_DESTINATION ${config_dir} NO_SET_AND_CHECK_MACRO)
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/vserd_clientConfigVersion.cmake COMPATIBILITY SameMinorVersion)
file(RELATIVE_PATH prefix_of_pkgconfig /usr/${libraries_dir}/pkgconfig /usr)
configure_file(vserd_client.pc.in ${CMAKE_CURRENT_BINARY_DIR}/vserd_client.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vserd_clientConfig.cmake ${CMAKE_CURRENT_BINARY_DIR}/vserd_clientConfigVersion.cmake
    DESTINATION ${config_dir} COMPONENT ${component})
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/vserd_client.pc DESTINATION ${libraries_dir}/pkgconfig COMPONENT ${component})
install(DIRECTORY examples DESTINATION share/doc/vserd-client-dev COMPONENT ${component})

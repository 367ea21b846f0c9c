# Links with mold or lld where one is installed: a program that takes GNU ld five seconds takes them a fraction of one.
find_program(LACUNA_MOLD mold)
find_program(LACUNA_LLD ld.lld)
if(LACUNA_MOLD)
    add_link_options(-fuse-ld=mold)
elseif(LACUNA_LLD)
    add_link_options(-fuse-ld=lld)
endif()

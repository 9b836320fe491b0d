/* The X atoms that we use, by name: atoms[ATOM_WM_STATE]. */
#ifndef GUEST_PROXY_X11_BASE_ATOMS_H
#define GUEST_PROXY_X11_BASE_ATOMS_H

#define ATOMS(F)                                                                                   \
	F(WL_SURFACE_ID)                                                                           \
	F(WL_SURFACE_SERIAL)                                                                       \
	F(WM_S0)                                                                                   \
	F(WM_NAME)                                                                                 \
	F(WM_CLASS)                                                                                \
	F(WM_HINTS)                                                                                \
	F(WM_NORMAL_HINTS)                                                                         \
	F(WM_TRANSIENT_FOR)                                                                        \
	F(RESOURCE_MANAGER)                                                                        \
	F(WM_STATE)                                                                                \
	F(WM_CHANGE_STATE)                                                                         \
	F(WM_PROTOCOLS)                                                                            \
	F(WM_DELETE_WINDOW)                                                                        \
	F(WM_TAKE_FOCUS)                                                                           \
	F(WM_CLIENT_LEADER)                                                                        \
	F(UTF8_STRING)                                                                             \
	F(STRING)                                                                                  \
	F(CLIPBOARD)                                                                               \
	F(PRIMARY)                                                                                 \
	F(TARGETS)                                                                                 \
	F(TIMESTAMP)                                                                               \
	F(MULTIPLE)                                                                                \
	F(INCR)                                                                                    \
	F(MANAGER)                                                                                 \
	F(_XSETTINGS_S0)                                                                           \
	F(_XSETTINGS_SETTINGS)                                                                     \
	F(_WAYFERRY_SELECTION)                                                                     \
	F(XdndAware)                                                                               \
	F(XdndSelection)                                                                           \
	F(XdndEnter)                                                                               \
	F(XdndPosition)                                                                            \
	F(XdndStatus)                                                                              \
	F(XdndLeave)                                                                               \
	F(XdndDrop)                                                                                \
	F(XdndFinished)                                                                            \
	F(XdndTypeList)                                                                            \
	F(XdndActionList)                                                                          \
	F(XdndActionCopy)                                                                          \
	F(XdndActionMove)                                                                          \
	F(XdndActionAsk)                                                                           \
	F(TEXT)                                                                                    \
	F(_NET_SUPPORTED)                                                                          \
	F(_NET_SUPPORTING_WM_CHECK)                                                                \
	F(_NET_CLIENT_LIST)                                                                        \
	F(_NET_ACTIVE_WINDOW)                                                                      \
	F(_NET_CLOSE_WINDOW)                                                                       \
	F(_NET_MOVERESIZE_WINDOW)                                                                  \
	F(_NET_WM_MOVERESIZE)                                                                      \
	F(_NET_REQUEST_FRAME_EXTENTS)                                                              \
	F(_NET_FRAME_EXTENTS)                                                                      \
	F(_NET_NUMBER_OF_DESKTOPS)                                                                 \
	F(_NET_CURRENT_DESKTOP)                                                                    \
	F(_NET_WORKAREA)                                                                           \
	F(_NET_WM_ICON)                                                                            \
	F(_NET_WM_NAME)                                                                            \
	F(_NET_WM_PID)                                                                             \
	F(_NET_WM_PING)                                                                            \
	F(_NET_WM_STATE)                                                                           \
	F(_NET_WM_STATE_FULLSCREEN)                                                                \
	F(_NET_WM_STATE_MAXIMIZED_VERT)                                                            \
	F(_NET_WM_STATE_MAXIMIZED_HORZ)                                                            \
	F(_NET_WM_STATE_HIDDEN)                                                                    \
	F(_NET_WM_STATE_MODAL)                                                                     \
	F(_NET_WM_STATE_FOCUSED)                                                                   \
	F(_NET_WM_STATE_DEMANDS_ATTENTION)                                                         \
	F(_NET_WM_WINDOW_TYPE)                                                                     \
	F(_NET_WM_WINDOW_TYPE_NORMAL)                                                              \
	F(_NET_WM_WINDOW_TYPE_DIALOG)                                                              \
	F(_NET_WM_WINDOW_TYPE_SPLASH)                                                              \
	F(_NET_WM_WINDOW_TYPE_UTILITY)                                                             \
	F(_NET_WM_WINDOW_TYPE_DND)                                                                 \
	F(_MOTIF_WM_HINTS)                                                                         \
	F(_GTK_FRAME_EXTENTS)

#define ATOM(name) ATOM_##name,
enum atom { ATOMS(ATOM) N_ATOMS };
#undef ATOM

#endif

"""The demo: "Tumangang 2023" replayed through the whole system.

From March to October 2023 analysts watched North Korea's Tumangang Rail Facility, on the border with Russia. For five
years they had seen about 20 freight cars there at most; on 5 October they counted about 70, most under tarps (CSIS
Beyond Parallel, "Dramatic Increase in DPRK-Russia Border Rail Traffic After Kim-Putin Summit", 6 October 2023). The
rise had begun five days after the Kim-Putin meeting of 13 September.

The pictures are rendered. They show a yard like that facility on about thirty days. The demo shows how the system
works, from the pushed scene to the alert. It does not show how accurate the system is on real pictures.
"""
